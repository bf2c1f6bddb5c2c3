"""Kafka in and out: one way to build brokers and subscribers, the batch runtime, timers, work and dead letters."""

-- What the sandbox world keeps is no part of the platform: a database of its own.
create database sandbox;

"""What two doors and the billing service share: months, prices, invoices that add up, and the views they are read from."""

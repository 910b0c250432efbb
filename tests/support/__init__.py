"""What the tests stand on: a real Postgres, a real browser, a clock moved by hand."""

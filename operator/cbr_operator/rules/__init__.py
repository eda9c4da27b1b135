"""What to do next, in pure functions: a frozen View of one object in, a Decision out. No I/O, no clock."""

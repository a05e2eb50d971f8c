fn main() { desktop::run(); }

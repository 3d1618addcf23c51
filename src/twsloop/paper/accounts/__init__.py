"""What an account has, and what it is worth: cash, positions, margins, charges."""

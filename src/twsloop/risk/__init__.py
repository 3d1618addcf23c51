"""What an order has to pass before it may leave, and what stops all of them."""

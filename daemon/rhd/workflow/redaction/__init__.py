"""Secrets in text: what recognises them, and the function that replaces them."""

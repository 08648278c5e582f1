"""The public port: serving, dispatcher, guard, pages, well-known documents."""

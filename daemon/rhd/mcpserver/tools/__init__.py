"""The tools, one file a matter. Their names and schemas are for ever: ChatGPT freezes a connector's list."""

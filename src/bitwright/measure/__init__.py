"""What a network costs: foretold from its graph, or measured on its file."""

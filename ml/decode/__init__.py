"""From the bytes of a file to facts, a thumbnail and the model's input, in processes of their own."""

"""The program: commands, settings, what a person sees, and how a folder's run is put together."""

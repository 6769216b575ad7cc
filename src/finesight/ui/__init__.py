"""What a person sees or types."""

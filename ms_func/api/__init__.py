"""What users call: argument handling around the transforms, and no mathematics."""

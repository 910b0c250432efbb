"""What the command line says: one file for each subject."""

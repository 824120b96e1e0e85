"""What users did without a technician: their machines tell, the broker counts and looks things up."""

"""What an analysis says over many samples: by simulation and by formula."""

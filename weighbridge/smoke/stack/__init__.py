"""The containers of a proof: started, spoken to, watched and removed."""

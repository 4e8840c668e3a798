"""`townlet up`: a whole run on one machine."""

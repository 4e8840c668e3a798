"""How hard a lane's life is made, and when that changes. Settings need no torch; the rest is pure."""

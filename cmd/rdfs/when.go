package main

// whenHelp stands in the help of commands that take a moment.
const whenHelp = `TIME is a moment in the past:
  2026-11-22T10:00:00Z   RFC 3339; also as in the names below .versions/
  "2026-11-22 10:00"     in the local zone
  2026-11-22             the end of that day
  today, yesterday, now
  -2h, -30min, -3d, -1mo that long ago`

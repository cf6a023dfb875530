package drivetest

func helperCrashWriter(args []string) error { return nil }
func helperSurvivor(args []string) error    { return nil }

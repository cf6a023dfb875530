package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run the real command line, in processes of their own.
func TestMain(m *testing.M) {
	rdfs := func() { os.Exit(mainStatus()) }
	testscript.Main(m, map[string]func(){"rdfs": rdfs, "mount.rdfs": rdfs})
}

func TestCommandsSayWhatTheScriptsExpect(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true})
}

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// pathsFlag is that of commands on many files: their paths may come from standard input.
type pathsFlag struct{ null bool }

const pathsHelp = `

A PATH of - stands for the paths on standard input, one a line. With --paths0 they end in NUL bytes,
as find -print0 writes them, and the - may be left out.`

// add adds the flag, and its paragraph to the help of a command.
func (f *pathsFlag) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.null, "paths0", false, "read paths that end in NUL bytes from standard input")
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	cmd.Long += pathsHelp
}

// expand puts the paths on standard input in the place of "-".
func (f *pathsFlag) expand(in io.Reader, args []string) (paths []string, err error) {
	read := f.null
	for _, arg := range args {
		if arg == "-" {
			read = true
		} else {
			paths = append(paths, arg)
		}
	}
	if !read {
		return paths, nil
	}
	end := []byte{'\n'}
	if f.null {
		end = []byte{0}
	}
	for r := bufio.NewReader(in); ; {
		line, err := r.ReadBytes(end[0])
		if p := bytes.TrimSuffix(line, end); len(p) > 0 {
			paths = append(paths, string(p))
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("paths on standard input: %w", err)
		}
	}
	if len(paths) == 0 {
		return nil, failf(exitUsage, "standard input names no path")
	}
	return paths, nil
}

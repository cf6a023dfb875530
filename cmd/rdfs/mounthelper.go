package main

import (
	"context"
	"fmt"
	"strings"
)

// mountHelper is rdfs as mount.rdfs: what mount(8) runs for a line of fstab whose
// type is rdfs. It is called as
//
//	mount.rdfs REPO MNT [-sfnvrw] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]
//
// and returns the statuses that mount(8) knows.
func (a *app) mountHelper(ctx context.Context, args []string) int {
	var paths, lists []string
	var sloppy, fake bool
	usage := func(format string, args ...any) int {
		fmt.Fprintf(a.stderr, "mount.rdfs: "+format+"\nUsage: mount.rdfs REPO MNT [-sfnv] [-o OPTIONS]\n", args...)
		return mountUsage
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			paths = append(paths, arg)
			continue
		}
		for j := 1; j < len(arg); j++ {
			switch c := arg[j]; c {
			case 's':
				sloppy = true
			case 'f':
				fake = true
			case 'n', 'v':
			case 'r':
				lists = append(lists, "ro")
			case 'w':
				lists = append(lists, "rw")
			case 'o', 't', 'N':
				value := arg[j+1:]
				if value == "" {
					if i++; i == len(args) {
						return usage("option -%c needs a value", c)
					}
					value = args[i]
				}
				if c == 'o' {
					lists = append(lists, value)
				}
				j = len(arg)
			default:
				return usage("unknown option -%c", c)
			}
		}
	}
	if len(paths) != 2 {
		return usage("want a repository and a directory")
	}
	options, err := parseMountOptions(lists, sloppy)
	if err != nil {
		return usage("%v", err)
	}
	if fake {
		return 0
	}
	err = a.mount(ctx, mountRequest{options: options, logLevel: options.logLevel}, paths[0], paths[1])
	if err != nil {
		fmt.Fprintf(a.stderr, "mount.rdfs: %v\n", err)
		if exitStatus(err) == exitUsage {
			return mountUsage
		}
		return mountFailed
	}
	return 0
}

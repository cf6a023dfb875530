package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) whyCommand() *cobra.Command {
	var f schemeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why PATH",
		Short: "Say why a name was refused, or what it is",
		Long: `Say what the naming scheme makes of a path, as "rdfs names explain" does, and show when the path
was refused lately. It works before and after: PATH need not exist. On a mounted drive you see what
was refused to you, root what was refused to anybody. Exit status 1 when the name is refused.`,
		Example: "  rdfs why research/EXP42/eeg.txt",
		Args:    want(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, path, title, err := a.schemeFor(args[0], f)
			if err != nil {
				return err
			}
			e := explain(s, path)
			past, err := a.refusals(args[0], f, strings.TrimSuffix(path, "/"))
			if err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(a.stdout, struct {
					explained
					Refused []*volume.Refusal `json:"refused"`
				}{e, append([]*volume.Refusal{}, past...)}); err != nil {
					return err
				}
			} else {
				a.printExplained(e, title)
				for _, r := range past {
					fmt.Fprintf(a.stdout, "%s: %s of %s by %s\n", moment(r.Time), r.Op, oneLine(r.Path, 300), oneLine(r.Program, 80))
				}
			}
			if !e.Accepted {
				return failf(exitFailed, "%s is refused", oneLine(path, 300))
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// maxRefusals is how many refusals of one path are shown: the last ones.
const maxRefusals = 5

// refusals returns when a path, or a directory above it, was refused lately, as its drive remembers.
func (a *app) refusals(arg string, f schemeFlags, path string) (list []*volume.Refusal, err error) {
	if f.scheme != "" || f.repo != "" {
		return nil, nil
	}
	w, err := a.locate(arg, "")
	if err != nil || w.mount == nil {
		return nil, err
	}
	log, err := os.Open(filepath.Join(w.mount.Mountpoint, ".rdfs", "rejections.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(make([]byte, 64<<10), 4<<20)
	for lines.Scan() {
		var r volume.Refusal
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", log.Name(), err)
		}
		if r.Path == path || strings.HasPrefix(path, r.Path+"/") {
			list = append(list, &r)
		}
	}
	return list[max(0, len(list)-maxRefusals):], lines.Err()
}

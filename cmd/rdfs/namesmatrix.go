package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/naming"
)

// nameMatrix counts files by two fields.
type nameMatrix struct {
	Rows    string                    `json:"rows"`
	Columns string                    `json:"columns"`
	Files   map[string]map[string]int `json:"files"` // by row and column
	Gaps    int                       `json:"gaps"`  // pairs without a file
}

// The fields that people mean by subject and kind of data, in the order in which they are looked for.
var (
	subjectFields = []string{"subject_id", "subject", "sub", "participant", "animal", "sample"}
	kindFields    = []string{"data_type", "type", "suffix", "modality", "kind"}
)

func (a *app) namesMatrixCommand() *cobra.Command {
	var f schemeFlags
	var asJSON bool
	var rows, columns string
	cmd := &cobra.Command{
		Use:   "matrix [EXPERIMENT]",
		Short: "Count the files of an experiment by subject and kind, and show the gaps",
		Long: `Count the files of an experiment by subject and kind of data, and show what is missing. EXPERIMENT
is a directory, or a value that a field of the files' paths has. Other fields than subject and kind
are chosen with --rows and --columns.`,
		Example: "  rdfs names matrix research/EXP0042\n  rdfs names matrix EXP0042 --rows subject_id --columns session_id",
		Args:    want(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			arg := first(args)
			_, err := os.Lstat(arg)
			byValue := arg != "" && err != nil
			place := arg
			if byValue {
				place = ""
			}
			j, err := a.find(place, f)
			if err == nil {
				err = j.asks()
			}
			if err != nil {
				return err
			}
			if j.root == "" {
				j.root = "."
			}
			m := nameMatrix{Rows: rows, Columns: columns, Files: map[string]map[string]int{}}
			if err := a.countFiles(j, &m, arg, byValue); err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, m)
			}
			if len(m.Files) == 0 {
				return failf(exitNotFound, "no file there has the fields %s and %s", m.Rows, m.Columns)
			}
			a.printMatrix(&m)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&rows, "rows", "", "`field` of the rows")
	cmd.Flags().StringVar(&columns, "columns", "", "`field` of the columns")
	return cmd
}

func (a *app) countFiles(j judged, m *nameMatrix, value string, byValue bool) error {
	columns := map[string]bool{}
	add := func(match naming.Match) {
		if byValue && !slices.Contains(slices.Collect(maps.Values(match.Values)), value) {
			return
		}
		row, column := pick(&m.Rows, subjectFields, match), pick(&m.Columns, kindFields, match)
		if row == "" || column == "" {
			return
		}
		if m.Files[row] == nil {
			m.Files[row] = map[string]int{}
		}
		m.Files[row][column]++
		columns[column] = true
	}
	root, err := filepath.Abs(j.root)
	if err != nil {
		return err
	}
	err = a.walk(root, enter(j.scheme, j.below), j.below, func([]fs.DirEntry) {}, func(v *visit) error {
		path := v.path
		if v.kind == naming.Folder {
			path += "/"
		}
		if match, err := j.scheme.Parse(path); err == nil && (v.kind != naming.Folder || match.Rule.Bundle) {
			add(match)
			v.below = nil
		}
		return nil
	})
	for _, row := range m.Files {
		for c := range columns {
			if row[c] == 0 {
				row[c] = 0 // a gap, which is to be seen
				m.Gaps++
			}
		}
	}
	return err
}

// pick returns the value of a field that was chosen, or of the first that is known.
func pick(chosen *string, fields []string, m naming.Match) string {
	if *chosen != "" {
		return m.Values[*chosen]
	}
	for _, f := range fields {
		if v := m.Values[f]; v != "" {
			*chosen = f
			return v
		}
	}
	return ""
}

func (a *app) printMatrix(m *nameMatrix) {
	rows, columns := []string{}, []string{}
	for row, cells := range m.Files {
		rows = append(rows, row)
		for c := range cells {
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	slices.Sort(rows)
	slices.Sort(columns)
	t := table(a.stdout)
	fmt.Fprintf(t, "%s\t%s\n", strings.ToUpper(m.Rows), strings.Join(columns, "\t"))
	for _, row := range rows {
		fmt.Fprint(t, row)
		for _, c := range columns {
			if n := m.Files[row][c]; n > 0 {
				fmt.Fprintf(t, "\t%d", n)
			} else {
				fmt.Fprint(t, "\t-")
			}
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	fmt.Fprintf(a.stdout, "%s by %s, %s\n", plural(len(rows), "row"), plural(len(columns), "column"), plural(m.Gaps, "gap"))
}

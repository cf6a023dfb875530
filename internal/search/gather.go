package search

import (
	"strconv"
	"strings"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/header"
	"github.com/rdfs/rdfs/internal/metadata"
	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/search/semantic"
	"github.com/rdfs/rdfs/internal/volume"
)

// place is a directory as those below it need it.
type place struct {
	ino    catalog.Inode
	parent catalog.Inode // 0: the root
	path   string
	chain  metadata.Chain
	owner  index.Owner
}

func (p *place) dir() index.Dir {
	return index.Dir{Ino: uint64(p.ino), Parent: uint64(p.parent), Owner: p.owner}
}

// gatherer reads documents out of the catalog.
type gatherer struct {
	vol    *volume.Volume
	schema *schema.Schema
	// versions: each version of a file is a document.
	versions bool
	meaning  *semantic.Index          // nil: descriptions are not embedded
	known    map[catalog.Inode]*place // of this batch; nil: a directory that has no path
}

func (g *gatherer) forget() { g.known = make(map[catalog.Inode]*place) }

// maxDirs bounds how deep directories stand within each other, for a damaged catalog.
const maxDirs = 4096

// place returns a directory; nil when it, or one above it, has no name.
func (g *gatherer) place(tx *catalog.Tx, i catalog.Inode, depth int) *place {
	if p, ok := g.known[i]; ok {
		return p
	}
	g.known[i] = nil
	row, err := tx.Node(i)
	if err != nil || !row.IsDir() || depth > maxDirs {
		return nil
	}
	var p *place
	if i == catalog.Root {
		p = g.below(tx, nil, "", i, &row)
	} else {
		var name catalog.Name
		tx.Names(i, func(n catalog.Name) bool { name = n; return false })
		up := g.place(tx, name.Dir, depth+1)
		if name.Name == "" || up == nil || volume.Reserved(name.Name) {
			return nil
		}
		p = g.below(tx, up, name.Name, i, &row)
	}
	g.known[i] = p
	return p
}

// below returns a directory of a name in up, which is nil for the root.
func (g *gatherer) below(tx *catalog.Tx, up *place, name string, i catalog.Inode, row *catalog.Node) *place {
	p := &place{ino: i, owner: ownerOf(row)}
	var chain metadata.Chain
	if up != nil {
		p.parent, p.path, chain = up.ino, join(up.path, name), up.chain
	}
	p.chain = chain.Down(tx, p.path, row.File)
	return p
}

func ownerOf(row *catalog.Node) index.Owner {
	return index.Owner{UID: row.UID, GID: row.GID, Mode: row.Mode}
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// findable reports whether a node can be found.
func findable(row *catalog.Node) bool { return row.IsRegular() && row.Keep != catalog.KeepLocal }

// doc returns what is known of a file of a name in a directory.
func (g *gatherer) doc(tx *catalog.Tx, in *place, name string, i catalog.Inode, row *catalog.Node) index.Doc {
	d := index.Doc{Dir: uint64(in.ino), Name: name, Folder: in.path, Owner: ownerOf(row),
		Size: row.Size, Modified: int64(row.Mtime), Created: int64(row.Btime)}
	path := join(in.path, name)
	fields := g.vol.PathFields(path, false)
	for _, v := range in.chain.Down(tx, path, row.File).Resolve(fields, g.schema) {
		g.add(&d, v.Field, v.Value)
	}
	ver := catalog.Version{}
	if row.Seq != 0 {
		ver, _ = tx.Version(row.File, row.Seq)
		add(&d, "version", strconv.FormatUint(uint64(row.Seq), 10))
	}
	state := "stored"
	switch {
	case row.Keep == catalog.KeepStaged:
		state = "staged"
	case row.Gen != 0:
		state = "draft"
	}
	add(&d, "state", state)
	if row.Gen != 0 {
		if draft, err := tx.Draft(i, row.Gen); err == nil {
			ver.UID, ver.Program = draft.UID, draft.Program
		}
	}
	if row.Seq != 0 || row.Gen != 0 {
		add(&d, "author", volume.UserName(ver.UID))
		add(&d, "program", ver.Program)
	}
	if row.Gen == 0 && !row.Content.IsZero() {
		if stored, err := tx.Header(row.Content); err == nil {
			addHeader(&d, stored)
		}
	}
	g.mean(&d)
	return d
}

// add adds a value; empty ones are none.
func add(d *index.Doc, field, text string) {
	if text != "" {
		d.Values = append(d.Values, index.Value{Field: field, Text: text})
	}
}

// shorter are fields that have a simpler name in queries.
var shorter = map[string]string{"xdg.comment": "comment", "dublincore.title": "title", "dublincore.description": "description"}

// add adds what people say: lists element by element.
func (g *gatherer) add(d *index.Doc, field, text string) {
	if to, ok := shorter[field]; ok {
		field = to
	}
	switch {
	case field == "tags":
		for _, t := range metadata.SplitTags(text) {
			add(d, field, t)
		}
	case g.schema.IsList(field):
		for part := range strings.SplitSeq(text, ",") {
			add(d, field, strings.TrimSpace(part))
		}
	default:
		add(d, field, text)
	}
}

// addHeader adds what the content is, where nobody says it.
func addHeader(d *index.Doc, stored []byte) {
	info, err := header.ParseJSON(stored)
	if err != nil {
		return
	}
	set := make(map[string]bool)
	for _, v := range d.Values {
		set[v.Field] = true
	}
	one := func(field, text string) {
		if !set[field] {
			add(d, field, text)
		}
	}
	one("format", info.Format)
	one("mime_type", info.MIME)
	one("schema", info.Fingerprint())
	if info.Rows != nil {
		one("rows", strconv.FormatInt(*info.Rows, 10))
	}
	for _, c := range info.Columns {
		one("columns", c.Name)
	}
}

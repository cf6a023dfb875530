package keys

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// export is the text of an exported key: JSON. It opens everything by itself.
type export struct {
	Format     int           `json:"format"`
	What       string        `json:"what"`
	Repository string        `json:"repository"`
	Generation int           `json:"generation"`
	Master     []byte        `json:"master"`
	Keys       []exportedKey `json:"keys"`
}

type exportedKey struct {
	Number crypt.Number `json:"number"`
	dataKey
}

const exportWhat = "the key of an rdfs repository: whoever has it can read everything"

func isExport(text []byte) bool {
	return len(text) < 16<<20 && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && bytes.Contains(text, []byte(exportWhat))
}

// Export returns the keys as a text that opens the repository without any slot. Data keys
// that are made later are in the tier; the text opens them there.
func (k *Keys) Export() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	x := export{Format: format, What: exportWhat, Repository: k.o.Repository, Generation: k.gen, Master: k.master}
	for n, d := range k.data {
		x.Keys = append(x.Keys, exportedKey{n, d})
	}
	slices.SortFunc(x.Keys, func(a, b exportedKey) int { return int(a.Number) - int(b.Number) })
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		panic(err) // it is plain data
	}
	return append(text, '\n')
}

func parseExport(text []byte, repository string) (*export, error) {
	var x export
	if err := json.Unmarshal(text, &x); err != nil {
		return nil, fmt.Errorf("exported key: %w: %w", blob.ErrCorrupt, err)
	}
	switch {
	case x.Format != format:
		return nil, fmt.Errorf("exported key: format %d is not known to this version of rdfs, which knows %d: use a newer rdfs", x.Format, format)
	case x.Repository != repository:
		return nil, fmt.Errorf("%w: the exported key is that of repository %s, and this is %s", ErrWrongKey, x.Repository, repository)
	case len(x.Master) != crypt.SecretSize || x.Generation < 1:
		return nil, fmt.Errorf("exported key: %w: it is cut off", blob.ErrCorrupt)
	}
	for _, e := range x.Keys {
		if len(e.Secret) != crypt.SecretSize || e.Number == 0 {
			return nil, fmt.Errorf("exported key: %w: key %d is cut off", blob.ErrCorrupt, e.Number)
		}
	}
	return &x, nil
}

package blob

import "github.com/oklog/ulid/v2"

// String returns the id as the 26 characters of a ULID.
func (id PackID) String() string { return ulid.ULID(id).String() }

// ParsePackID reads what String wrote.
func ParsePackID(s string) (PackID, error) {
	u, err := ulid.ParseStrict(s)
	return PackID(u), err
}

package volume

import (
	"os/user"
	"strconv"
	"sync"
)

// userNames remembers the names of users: looking one up may read a file.
var userNames sync.Map // uint32 -> string

// UserName returns the login name of a user, or the number when there is none.
func UserName(uid uint32) string {
	if name, ok := userNames.Load(uid); ok {
		return name.(string)
	}
	id := strconv.FormatUint(uint64(uid), 10)
	name := id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	userNames.Store(uid, name)
	return name
}

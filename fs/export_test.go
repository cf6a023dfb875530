package fs

// Views returns how many views of the past the door remembers.
func (m *Mount) Views() int {
	m.door.views.mu.RLock()
	defer m.door.views.mu.RUnlock()
	return len(m.door.views.byIndex)
}

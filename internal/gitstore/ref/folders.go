package ref

// Folders tells how many folders and files the newest reading rests on: each costs
// a look whenever somebody asks for the refs. It looks at nothing itself.
func (d *DB) Folders() int {
	if last := d.last.Load(); last != nil {
		return len(last.watched)
	}
	return 0
}

package web

// Fill takes the place of n expensive requests of key, for the tests of what
// happens when there is no place left.
func (d *Door) Fill(key string, n int) error {
	for range n {
		if _, err := d.heavy.Enter(key); err != nil {
			return err
		}
	}
	return nil
}

// The bounds that Fill fills.
const (
	HeavyPerActor = heavyPerActor
	HeavyInAll    = heavyInAll
)

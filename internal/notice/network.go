package notice

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
)

const (
	maxNetworks = 100                  // of one token
	forgotten   = 180 * 24 * time.Hour // unused
	perDay      = 5                    // notices of new networks, of one token
	maxSeen     = 1 << 16              // networks whose row is known to be fresh
)

// Seen is a use of a token, with what is needed to know its network.
type Seen struct {
	Token   id.Token
	Address netip.Addr
	Client  string
	At      time.Time
}

// place is a token in a network.
type place struct {
	token   id.Token
	network string
}

// Network names the network of an address: an IPv4 /24 or an IPv6 /48. A line that
// gets another address now and then stays within, mostly; what package limit counts by
// is narrower, since there an address stands for one person. It is empty for no
// address.
func Network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// SeenTx notes from where tokens were used, the earliest first, and returns what is
// from a network from which its token was not used before, though it was from others:
// the first network of a token is no news. Beyond five of a token within a day they
// are noted and not returned. What is known already asks the database nothing.
func (r *Room) SeenTx(ctx context.Context, tx *db.Tx, list []Seen) ([]Seen, error) {
	if r == nil {
		return nil, nil
	}
	var news []Seen
	noted := map[place]int64{}
	for _, s := range list {
		p := place{s.Token, Network(s.Address)}
		day := s.At.Unix() / 86400
		if p.network == "" || noted[p] >= day || r.fresh(p, day) {
			continue
		}
		isNew, err := r.note(ctx, tx, p, s.At)
		if err != nil {
			return nil, err
		}
		noted[p] = day
		if isNew {
			news = append(news, s)
		}
	}
	if len(noted) > 0 {
		tx.AfterCommit(func() { r.remember(noted) })
	}
	return r.worthTelling(ctx, tx, news)
}

func (r *Room) fresh(p place, day int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[p] >= day
}

func (r *Room) remember(noted map[place]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, day := range noted {
		for old := range r.seen { // any one will do: it is looked up again
			if len(r.seen) < maxSeen {
				break
			}
			delete(r.seen, old)
		}
		r.seen[p] = day
	}
}

// note writes the row of a token in a network, and reports whether it is new beside
// others.
func (r *Room) note(ctx context.Context, tx *db.Tx, p place, at time.Time) (bool, error) {
	done, err := tx.Exec(ctx, `UPDATE token_networks SET last_at = $3 WHERE token_id = $1 AND network = $2`, p.token, p.network, db.Micros(at))
	if err != nil {
		return false, fmt.Errorf("note the network of a token: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return false, err
	}
	var others int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM token_networks WHERE token_id = $1`, p.token).Scan(&others); err != nil {
		return false, fmt.Errorf("count the networks of a token: %w", err)
	}
	if others >= maxNetworks {
		_, err := tx.Exec(ctx, `
			DELETE FROM token_networks WHERE token_id = $1 AND network IN
				(SELECT network FROM token_networks WHERE token_id = $1 ORDER BY last_at, network LIMIT $2)`, p.token, others-maxNetworks+1)
		if err != nil {
			return false, fmt.Errorf("forget a network of a token: %w", err)
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO token_networks (token_id, network, first_at, last_at) VALUES ($1, $2, $3, $3)`, p.token, p.network, db.Micros(at))
	if err != nil {
		return false, fmt.Errorf("note the network of a token: %w", err)
	}
	return others > 0, nil
}

func (r *Room) worthTelling(ctx context.Context, tx *db.Tx, news []Seen) ([]Seen, error) {
	var out []Seen
	left := map[id.Token]int{}
	since := db.Micros(r.o.Now().Add(-24 * time.Hour))
	for _, s := range news {
		if _, counted := left[s.Token]; !counted {
			var told int
			err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM notices WHERE token_id = $1 AND kind = $2 AND created_at > $3`, s.Token, string(NewNetwork), since).Scan(&told)
			if err != nil {
				return nil, fmt.Errorf("count notices: %w", err)
			}
			left[s.Token] = perDay - told
		}
		if left[s.Token]--; left[s.Token] >= 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

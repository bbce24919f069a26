package httpkit

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies says whose word about the client's address and scheme is believed.
// The zero value believes nobody.
type Proxies struct{ Prefixes []netip.Prefix }

func (p *Proxies) trusts(a netip.Addr) bool {
	if p == nil {
		return false
	}
	for _, prefix := range p.Prefixes {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// Hides reports whether r comes from a trusted proxy that does not say who
// asked.
func (p *Proxies) Hides(r *http.Request) bool {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	return err != nil || p.trusts(ap.Addr().Unmap().WithZone("")) && r.Header.Get("X-Forwarded-For") == ""
}

// Client is the address of whoever sent r: the connection's, or, when that is a
// trusted proxy's, the nearest address in X-Forwarded-For that is not a trusted
// proxy's. IPv6-mapped addresses are IPv4 addresses here.
func (p *Proxies) Client(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a := ap.Addr().Unmap().WithZone("")
	if !p.trusts(a) {
		return a
	}
	said := r.Header["X-Forwarded-For"]
	if len(said) == 0 {
		return a
	}
	hops := strings.Split(strings.Join(said, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // what stands before a broken entry was written by anybody
		}
		a = hop.Unmap().WithZone("")
		if !p.trusts(a) {
			break
		}
	}
	return a
}

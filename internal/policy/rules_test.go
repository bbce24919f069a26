package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"jeton/internal/policy"
	"jeton/internal/problem"
)

// TestParseNetworks_many: a form full of networks is refused before they are compared.
func TestParseNetworks_many(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 400_000 { // each beside each would take minutes
		fmt.Fprintf(&b, "::%x\n", i)
	}
	if _, err := policy.ParseNetworks(b.String()); !problem.Is(err, problem.Invalid) || problem.Of(err).Field != "networks" {
		t.Errorf("got %v", err)
	}
	list, err := policy.ParseNetworks("192.0.2.7, 192.0.2.7/32\n2001:db8::1/32 " + strings.Repeat("192.0.2.7 ", 1000))
	if err != nil || fmt.Sprint(list) != "[192.0.2.7/32 2001:db8::/32]" {
		t.Errorf("%v, %v", list, err)
	}
}

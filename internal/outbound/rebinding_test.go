
// TestGet: a small document is read whole or not at all, from the address that was
// looked at.
func TestGet(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/missing":
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		}
	}))
	t.Cleanup(srv.Close)
	c := allowing(srv)
	if body, err := c.Get(t.Context(), srv.URL, 100); err != nil || len(body) != 100 {
		t.Errorf("%d, %v", len(body), err)
	}
	if _, err := c.Get(t.Context(), srv.URL, 99); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than was asked for: %v", err)
	}
	if _, err := c.Get(t.Context(), srv.URL+"/away", 100); !errors.Is(err, ErrRedirect) {
		t.Errorf("a redirect: %v", err)
	}
	for _, bad := range []string{srv.URL + "/missing", "ftp://example.com/", strings.Replace(srv.URL, "https://", "https://u@", 1), "https://"} {
		if _, err := c.Get(t.Context(), bad, 100); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	inside := New(Options{Resolver: nameServer(t, func(n int) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("127.0.0.1")}
	})})
	defer inside.Close()
	if _, err := inside.Get(t.Context(), "https://issuer.example/", 100); !errors.Is(err, ErrRefused) {
		t.Errorf("one address of two is private: %v", err)
	}
}

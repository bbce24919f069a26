package wire

import "jeton/internal/gitstore/pktline"

// AppendBundles appends the answer to a version 2 bundle-uri: where bundles
// are, of which each alone is enough (gitprotocol-v2(5)).
func AppendBundles(b []byte, urls map[string]string, order []string) []byte {
	if len(order) > 0 {
		b = pktline.Append(b, "bundle.version=1")
		b = pktline.Append(b, "bundle.mode=any")
	}
	for _, id := range order {
		b = pktline.Append(b, "bundle."+id+".uri="+urls[id])
	}
	return pktline.AppendFlush(b)
}

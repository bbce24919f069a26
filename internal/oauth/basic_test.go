package oauth_test

import (
	"encoding/base64"
	"strconv"
)

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

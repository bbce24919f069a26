package printable

import (
	"fmt"
	"time"
)

// Left words how much time is left: whole days, or hours below two of them.
func Left(d time.Duration) string {
	switch days, hours := int((d+12*time.Hour)/(24*time.Hour)), int((d+30*time.Minute)/time.Hour); {
	case d < time.Hour:
		return "less than an hour"
	case hours == 1:
		return "1 hour"
	case hours < 24:
		return fmt.Sprintf("%d hours", hours)
	case days <= 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", days)
	}
}

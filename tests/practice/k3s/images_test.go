package main

import (
	"encoding/json"
	"testing"
	"time"
)

// As in K3s, what the next start reads has no fraction of a second: a tarball whose time has one is younger than its note.
func TestNotedTimesAreWholeSeconds(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 250_000_000, time.UTC)
	text, err := noteOf(map[string]tarball{"/a.tar": {7, at}})
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]tarball
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if one := read["/a.tar"]; one.Size != 7 || !at.After(one.ModTime) || !one.ModTime.Equal(at.Truncate(time.Second)) {
		t.Errorf("%s", text)
	}
}

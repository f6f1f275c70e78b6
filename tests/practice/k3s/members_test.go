package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func member(name, ip string) *etcdserverpb.Member {
	return &etcdserverpb.Member{Name: name, PeerURLs: []string{peerURL(ip)}}
}

func TestNamesOf(t *testing.T) {
	first := member("m1-00000001", "10.0.0.1")
	for _, c := range []struct {
		name     string
		members  []*etcdserverpb.Member
		cluster  string
		isListed bool
		err      error
	}{
		{"nothing of it is there", []*etcdserverpb.Member{first}, "m1-00000001=https://10.0.0.1:2380", false, nil},
		{"announced by a start before this", []*etcdserverpb.Member{first, member("", "10.0.0.2")},
			"m1-00000001=https://10.0.0.1:2380,m2-00000002=https://10.0.0.2:2380", true, nil},
		{"listed by name", []*etcdserverpb.Member{member("m2-00000002", "10.0.0.2")}, "m2-00000002=https://10.0.0.2:2380", true, nil},
		{"of an earlier installation, at its address", []*etcdserverpb.Member{first, member("m2-0000000f", "10.0.0.2")}, "", false, errDuplicate},
		{"of its node's name, at another address", []*etcdserverpb.Member{member("m2-0000000f", "10.0.0.9")}, "", false, errDuplicate},
		{"of another node at its address", []*etcdserverpb.Member{member("m9-00000009", "10.0.0.2")}, "m9-00000009=https://10.0.0.2:2380", false, nil},
	} {
		names, isListed, err := namesOf(c.members, "m2", "m2-00000002", peerURL("10.0.0.2"))
		if strings.Join(names, ",") != c.cluster || isListed != c.isListed || !errors.Is(err, c.err) {
			t.Errorf("%s: got %q, %v, %v", c.name, names, isListed, err)
		}
	}
}

func nodeCalled(annotations map[string]string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "m2", Labels: map[string]string{etcdLabel: "true"}, Annotations: annotations}}
}

func TestMemberOf(t *testing.T) {
	members := []*etcdserverpb.Member{member("m2-0000000f", "10.0.0.2"), member("m2-00000002", "10.0.0.2")}
	node := nodeCalled(map[string]string{memberAnnotation: "m2-00000002", addressOfMember: "10.0.0.2"})
	if m, err := memberOf(node, members); m != members[1] || err != nil {
		t.Errorf("got %v, %v", m, err)
	}
	node.Annotations[addressOfMember] = "10.0.0.3"
	if m, err := memberOf(node, members); m != nil || err != nil {
		t.Errorf("another address: got %v, %v", m, err)
	}
	if m, err := memberOf(nodeCalled(nil), members); m != nil || err == nil {
		t.Errorf("a Node without annotations: got %v, %v", m, err)
	}
}

func TestVoterCondition(t *testing.T) {
	learner := member("m2-00000002", "10.0.0.2")
	learner.IsLearner = true
	for _, c := range []struct {
		m       *etcdserverpb.Member
		trouble error
		reason  string
		status  corev1.ConditionStatus
	}{
		{member("m2-00000002", "10.0.0.2"), nil, "MemberNotLearner", corev1.ConditionTrue},
		{learner, nil, "MemberIsLearner", corev1.ConditionFalse},
		{member("m2-00000002", "10.0.0.2"), errors.New("away"), "Unhealthy", corev1.ConditionFalse},
		{nil, nil, "NotAMember", corev1.ConditionFalse},
	} {
		if told := voterCondition(c.m, c.trouble); told.Type != "EtcdIsVoter" || told.Reason != c.reason || told.Status != c.status {
			t.Errorf("wanted %s %s, got %+v", c.reason, c.status, told)
		}
	}
}

// A condition is written once, and again when it changes or is old.
func TestDated(t *testing.T) {
	now := metav1.Now()
	earlier := func(minutes time.Duration) metav1.Time { return metav1.NewTime(now.Add(-minutes * time.Minute)) }
	voter := voterCondition(member("m2-00000002", "10.0.0.2"), nil)
	old := voter
	old.LastHeartbeatTime, old.LastTransitionTime = earlier(4), earlier(60)
	had := []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}, old}
	if told, isNews := dated(now, had[:1], voter); !isNews || told.LastTransitionTime != now {
		t.Errorf("the first: %+v, %v", told, isNews)
	}
	if _, isNews := dated(now, had, voter); isNews {
		t.Error("the same again is written")
	}
	if told, isNews := dated(now, had, voterCondition(nil, nil)); !isNews || told.LastTransitionTime != now {
		t.Errorf("another: %+v, %v", told, isNews)
	}
	had[1].LastHeartbeatTime = earlier(5)
	if told, isNews := dated(now, had, voter); !isNews || told.LastHeartbeatTime != now || told.LastTransitionTime != earlier(60) {
		t.Errorf("the same after five minutes: %+v, %v", told, isNews)
	}
}

func TestRemoval(t *testing.T) {
	r := &removal{out: io.Discard}
	io.WriteString(r, `{"level":"warn","msg":"request sent was ignored by remote peer due to cluster ID mismatch"}`)
	if r.seen.Load() {
		t.Fatal("another trouble is taken for a removal")
	}
	io.WriteString(r, `{"level":"warn","msg":"server error","error":"the member has been permanently removed from the cluster"}`)
	if !r.seen.Load() {
		t.Fatal("the removal was not noticed")
	}
}

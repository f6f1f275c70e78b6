package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// How often K3s looks which servers vote.
const voterInterval = 15 * time.Second

// tellVoters keeps the condition EtcdIsVoter on the Node of every server, as K3s does where etcd's leader is.
func tellVoters(ctx context.Context, client kubernetes.Interface) {
	for ; ctx.Err() == nil; sleep(ctx, voterInterval) {
		if err := tellVotersOnce(ctx, client); err != nil && ctx.Err() == nil {
			log.Printf("tell which servers vote in etcd: %v", err)
		}
	}
}

func tellVotersOnce(ctx context.Context, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(ctx, voterInterval)
	defer cancel()
	etcd, err := etcdClient(ownEtcd)
	if err != nil {
		return err
	}
	defer etcd.Close()
	if status, err := etcd.Status(ctx, ownEtcd); err != nil || status.Leader != status.Header.MemberId {
		return err
	}
	list, err := etcd.MemberList(ctx)
	if err != nil {
		return err
	}
	servers, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: etcdLabel + "=true"})
	if err != nil {
		return err
	}
	var all error
	for _, node := range servers.Items {
		m := memberNamed(list.Members, node.Annotations[memberAnnotation])
		all = errors.Join(all, setCondition(ctx, client, &node, voterCondition(m, trouble(ctx, etcd, m))))
	}
	return all
}

func memberNamed(members []*etcdserverpb.Member, name string) *etcdserverpb.Member {
	for _, m := range members {
		if m.Name == name && name != "" {
			return m
		}
	}
	return nil
}

// trouble asks a member for itself.
func trouble(ctx context.Context, etcd *clientv3.Client, m *etcdserverpb.Member) error {
	if m == nil || len(m.ClientURLs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	status, err := etcd.Status(ctx, m.ClientURLs[0])
	if err != nil {
		return fmt.Errorf("failed to check etcd member status: %w", err)
	}
	if len(status.Errors) > 0 {
		return errors.New("etcd member has status errors: " + strings.Join(status.Errors, ","))
	}
	return nil
}

// voterCondition says of a member what K3s says, in its words.
func voterCondition(m *etcdserverpb.Member, trouble error) corev1.NodeCondition {
	told := func(status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: "EtcdIsVoter", Status: status, Reason: reason, Message: message}
	}
	switch {
	case m == nil:
		return told(corev1.ConditionFalse, "NotAMember", "Node is not a member of the etcd cluster")
	case trouble != nil:
		return told(corev1.ConditionFalse, "Unhealthy", trouble.Error())
	case m.IsLearner:
		return told(corev1.ConditionFalse, "MemberIsLearner", "Node has not been promoted to voting member of the etcd cluster")
	}
	return told(corev1.ConditionTrue, "MemberNotLearner", "Node is a voting member of the etcd cluster")
}

func setCondition(ctx context.Context, client kubernetes.Interface, node *corev1.Node, told corev1.NodeCondition) error {
	told, isNews := dated(metav1.Now(), node.Status.Conditions, told)
	if !isNews {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []corev1.NodeCondition{told}}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().PatchStatus(ctx, node.Name, patch)
	return err
}

// dated gives a condition its times. One that a Node has already is no news for five minutes.
func dated(now metav1.Time, had []corev1.NodeCondition, told corev1.NodeCondition) (corev1.NodeCondition, bool) {
	told.LastHeartbeatTime, told.LastTransitionTime = now, now
	for _, old := range had {
		if old.Type == told.Type && old.Status == told.Status && old.Reason == told.Reason && old.Message == told.Message {
			told.LastTransitionTime = old.LastTransitionTime
			return told, now.Sub(old.LastHeartbeatTime.Time) >= 5*time.Minute
		}
	}
	return told, true
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/robfig/cron/v3"
)

// runSnapshot is `k3s etcd-snapshot save [--name NAME]|list`.
func runSnapshot(args []string) error {
	name := "on-demand"
	if len(args) == 3 && args[0] == "save" && args[1] == "--name" {
		name, args = args[2], args[:1]
	}
	if !slices.Equal(args, []string{"save"}) && !slices.Equal(args, []string{"list"}) {
		return errors.New("etcd-snapshot: this practice build knows save, with --name alone, and list")
	}
	if args[0] == "list" {
		files, _ := filepath.Glob(snapshotDir + "/*")
		for _, file := range files {
			fmt.Println(file)
		}
		return nil
	}
	file, err := saveSnapshot(context.Background(), name)
	if err == nil {
		fmt.Println(file)
	}
	return err
}

func saveSnapshot(ctx context.Context, kind string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	client, err := etcdClient(ownEtcd)
	if err != nil {
		return "", err
	}
	defer client.Close()
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(snapshotDir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(snapshotDir, fmt.Sprintf("%s-%s-%d", kind, host, time.Now().Unix()))
	source, err := client.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	defer source.Close()
	file, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, source)
	return path, errors.Join(err, file.Sync(), file.Close(), os.Rename(path+".part", path))
}

// scheduleSnapshots saves one whenever the schedule says so, and keeps the newest.
func scheduleSnapshots(ctx context.Context, cfg *Config) {
	schedule, err := cron.ParseStandard(cfg.EtcdSnapshotScheduleCron)
	if err != nil {
		log.Printf("etcd-snapshot-schedule-cron: %v", err)
		return
	}
	for {
		sleep(ctx, time.Until(schedule.Next(time.Now())))
		if ctx.Err() != nil {
			return
		}
		if _, err := saveSnapshot(ctx, "etcd-snapshot"); err != nil {
			log.Printf("etcd snapshot: %v", err)
		}
		files, _ := filepath.Glob(snapshotDir + "/etcd-snapshot-*")
		for len(files) > cfg.EtcdSnapshotRetention {
			if err := os.Remove(files[0]); err != nil {
				log.Print(err)
			}
			files = files[1:]
		}
	}
}

import { secretsFolder } from '../../lib/kube/manifests/injection.mts'

// superset_config.py where secret values are files of Vault. A shell gives the processes of a container their values. A
// program that is started beside them, by kubectl exec, has only the paths of the files in its variables.

/** The part of superset_config.py that reads these files into the variables that are missing. */
export const filesConfig = `
for _name, _path in list(os.environ.items()):
    if _name.endswith("_FILE") and _path.startswith("${secretsFolder}/"):
        os.environ.setdefault(_name[: -len("_FILE")], pathlib.Path(_path).read_text())
`

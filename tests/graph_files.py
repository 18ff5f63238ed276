"""Small graphs as users have them in files."""

NODES = "node,label,split,x,y\na,red,train,1,0\nb,blue,train,0,1\nc,red,select,1,0\nd,blue,test,0,2.5\n"
EDGES = "source,target\na,b\nb,c\nc,d\n"


def write(folder, **tables):
    """`nodes="..."` becomes nodes.csv."""
    folder.mkdir(exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def one_graph(folder, nodes=NODES, edges=EDGES):
    return write(folder, nodes=nodes, edges=edges)


def rings_and_paths(folder, count=40, *, splits=False):
    """Graphs of 4 to 9 nodes that are closed or open; nothing but their edges tells."""
    nodes, edges, graphs = ["graph,node"], ["graph,source,target"], ["graph,label" + ",split" * splits]
    for i in range(count):
        size, ring = 4 + i // 2 % 6, i % 2
        nodes += [f"g{i},{n}" for n in range(size)]
        edges += [f"g{i},{n},{(n + 1) % size}" for n in range(size - 1 + ring)]
        graphs.append(
            f"g{i},{'ring' if ring else 'path'}" + f",{('train', 'train', 'select', 'test')[i // 2 % 4]}" * splits
        )
    tables = {"nodes": nodes, "edges": edges, "graphs": graphs}
    return write(folder, **{name: "\n".join(rows) + "\n" for name, rows in tables.items()})


def two_towns(folder, size=30):
    """One graph of two towns whose nodes are joined inside; a few nodes of each have a label."""
    nodes, edges = ["node,label,split,x"], ["source,target"]
    for town in ("a", "b"):
        for i in range(size):
            split = "train" if i < 4 else "select" if i < 8 else "test"
            nodes.append(f"{town}{i},{town},{split},{(i % 4 == 0) * (1 if town == 'a' else -1)}")
            edges += [f"{town}{i},{town}{(i + step) % size}" for step in (1, 3, 7)]
    edges.append("a0,b0")
    return write(folder, nodes="\n".join(nodes) + "\n", edges="\n".join(edges) + "\n")

"""What moves by itself in a cluster: the controllers, the scheduler and the kubelet of the one node.

Each decides by functions of values and writes through the verbs of the API, as the component it stands for.
"""

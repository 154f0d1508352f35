__version__ = '2.13.0+ctorch'
cuda = None
hip = None
debug = False
git_version = 'unknown'

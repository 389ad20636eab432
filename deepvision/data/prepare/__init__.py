"""Prepares data sets: image folders and the archives of ImageNet become ArrayRecord files, which TFDS opens.

listing.py      what there is, found without unpacking
archives.py     tar files
shards.py       the files, written in several processes, each whole or not at all
data_set.py     a data set of them
imagenet.py     ImageNet, in any of the forms in which it comes
check.py        reads a prepared data set through
"""
